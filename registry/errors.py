"""The error tree: everything NexusAI refuses, with what, where and what to do.

::

    RegistryError                     500  unexpected_error
    ├── InvalidInput                  422  invalid_input
    │   ├── InvalidImage              422  image_unreadable
    │   ├── ImageTooLarge             413  image_too_large
    │   ├── InvalidVideo              422  video_unreadable
    │   ├── UploadTooLarge            413  upload_too_large
    │   ├── QuotaExceeded             413  quota_exceeded
    │   ├── InvalidModel              422  model_invalid
    │   │   ├── UnsupportedOutputs    422  model_outputs_unsupported
    │   │   ├── ModelTooSlow          504  model_too_slow
    │   │   └── ChecksumMismatch      422  checksum_mismatch
    │   ├── InvalidCard               422  card_invalid
    │   ├── InvalidDataset            422  dataset_invalid
    │   ├── InvalidSetting            422  setting_invalid
    │   ├── InvalidArchive            422  archive_invalid
    │   ├── InvalidSource             422  camera_source_invalid
    │   ├── AddressRefused            422  camera_address_refused
    │   ├── InvalidZone               422  zone_invalid
    │   └── IdempotencyMismatch       422  idempotency_mismatch
    ├── NotFound                      404  not_found
    │   ├── ModelNotFound             404  model_not_found
    │   ├── VersionNotFound           404  version_not_found
    │   ├── AliasNotFound             404  alias_not_found
    │   ├── UserNotFound              404  user_not_found
    │   ├── KeyNotFound               404  key_not_found
    │   ├── SessionNotFound           404  session_not_found
    │   ├── SettingNotFound           404  setting_not_found
    │   ├── UploadNotFound            404  upload_not_found
    │   ├── JobNotFound               404  job_not_found
    │   ├── ScheduleNotFound          404  schedule_not_found
    │   ├── DatasetNotFound           404  dataset_not_found
    │   ├── CameraNotFound            404  camera_not_found
    │   ├── CameraGroupNotFound       404  camera_group_not_found
    │   ├── EventNotFound             404  event_not_found
    │   ├── RecordingNotFound         404  recording_not_found
    │   ├── NotificationNotFound      404  notification_not_found
    │   └── ObjectNotFound            404  object_not_found
    ├── Conflict                      409  conflict
    │   ├── NameTaken                 409  name_taken
    │   ├── LastAdministrator         409  last_administrator
    │   ├── SettingChanged            409  setting_changed
    │   ├── RequestInProgress         409  request_in_progress
    │   ├── JobEnded                  409  job_ended
    │   ├── JobNotRetried             409  job_not_retried
    │   ├── Cancelled                 409  cancelled
    │   ├── SecretsUnreadable         409  secrets_unreadable
    │   ├── CameraNotRunning          409  camera_not_running
    │   └── SetupDone                 409  setup_done
    ├── NotSignedIn                   401  not_signed_in
    │   ├── InvalidCredentials        401  invalid_credentials
    │   ├── SessionExpired            401  session_expired
    │   ├── TokenReused               401  token_reused
    │   └── SingleSignOnFailed        401  single_sign_on_failed
    ├── Forbidden                     403  forbidden
    │   ├── RegistrationClosed        403  registration_closed
    │   └── AccountPending            403  account_pending
    ├── TooManyAttempts               429  too_many_attempts
    ├── TooManyRequests               429  too_many_requests
    ├── Unavailable                   503  unavailable
    │   ├── DatabaseUnavailable       503  database_unavailable
    │   ├── MlflowUnavailable         503  mlflow_unavailable
    │   ├── PrefectUnavailable        503  prefect_unavailable
    │   ├── RayUnavailable            503  ray_unavailable
    │   ├── StorageUnavailable        503  storage_unavailable
    │   ├── MissingExtra              503  missing_extra
    │   ├── BackendUnavailable        503  backend_unavailable
    │   ├── EngineBusy                503  engine_busy
    │   ├── WorkerUnavailable         503  worker_unavailable
    │   └── DownloadFailed            503  download_failed
    ├── TrainingFailed                500  training_failed
    ├── IntegrityError                500  integrity_failed
    └── StartError                    500  start_failed
        ├── HomeNotWritable           500  home_not_writable
        ├── AlreadyRunning            500  already_running
        ├── PortTaken                 500  port_taken
        ├── ProcessFailed             500  process_failed
        └── DatabaseTooNew            500  database_too_new

A message never carries a secret: no password, token, key or camera credential.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class RegistryError(Exception):
    """A refusal that a person can act on.

    `message` says what went wrong and where, `hint` what to do next, and `details` holds
    JSON-safe facts for programs. `code` and `status` (HTTP) belong to the class.
    """

    code: ClassVar[str] = "unexpected_error"
    status: ClassVar[int] = 500
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.details: dict[str, Any] = dict(details or {})

    def to_dict(self, request_id: str = "") -> dict[str, Any]:
        """The one error shape of the HTTP API and of `--json` output."""
        body = {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}
        return {"error": body | {"request_id": request_id}}


class InvalidInput(RegistryError):
    """A value that cannot be used as it was given."""

    code = "invalid_input"
    status = 422
    default_hint = "Correct the value that the message names and send it again."


class InvalidImage(InvalidInput):
    """Bytes that are not an image we can decode."""

    code = "image_unreadable"
    default_hint = "Send a complete JPEG, PNG, WebP, BMP or TIFF file."


class ImageTooLarge(InvalidInput):
    """An image whose pixels would not fit the configured bound."""

    code = "image_too_large"
    status = 413
    default_hint = "Scale the image down, or raise image_max_pixels in the settings."


class InvalidVideo(InvalidInput):
    """A file that is not a video with pictures we can decode."""

    code = "video_unreadable"
    default_hint = "Send a complete MP4, MOV, MKV, WebM, AVI or MPEG-TS file that shows pictures."


class UploadTooLarge(InvalidInput):
    """A request body above the cap of its route."""

    code = "upload_too_large"
    status = 413
    default_hint = "Send less; what a file may have, an administrator can raise in the settings."


class QuotaExceeded(InvalidInput):
    """A file that does not fit into what its sender may keep here."""

    code = "quota_exceeded"
    status = 413
    default_hint = "Delete versions that you no longer need, or ask an administrator for a larger quota."


class InvalidModel(InvalidInput):
    """A file that is not a model we can serve."""

    code = "model_invalid"
    default_hint = "docs/models.md lists the files that are taken in, and what a model has to look like."
    broken_hint = "The file is cut off or broken: copy it again, or export the model anew."


class UnsupportedOutputs(InvalidModel):
    """An ONNX graph whose outputs no decoder understands."""

    code = "model_outputs_unsupported"
    default_hint = "docs/models.md lists the output layouts that are understood; the card's `decoder` can name one."


class ModelTooSlow(InvalidModel):
    """A run of a model that was ended because it took too long."""

    code = "model_too_slow"
    status = 504
    default_hint = (
        "Send a smaller image, or serve a smaller model: `nexusai models tune` finds the fastest way to run one here. "
        "A model that is slow on some pictures only may be built to be: look at where it comes from."
    )


class ChecksumMismatch(InvalidModel):
    """A file that does not have the size or the sha256 it should have."""

    code = "checksum_mismatch"
    default_hint = "It is not the file that was named: get it from its publisher again, and compare the sha256."


class InvalidCard(InvalidInput):
    """A model card that contradicts itself or its model."""

    code = "card_invalid"
    default_hint = "docs/models.md describes the fields of a card."


class InvalidDataset(InvalidInput):
    """A file or folder that is not a dataset we can read; `details` lists what was found in it."""

    code = "dataset_invalid"
    default_hint = "docs/datasets.md describes the formats that are read, and what keeps a dataset out."


class InvalidSetting(InvalidInput):
    """A setting that is unknown, of the wrong type or out of bounds."""

    code = "setting_invalid"
    default_hint = "docs/settings.md lists every setting with its bounds; `nexusai settings` shows what is in force."


class InvalidArchive(InvalidInput):
    """A zip archive that is damaged, or that holds what is not unpacked here."""

    code = "archive_invalid"
    default_hint = "Pack the plain files again, as a zip archive without links and passwords."


class InvalidSource(InvalidInput):
    """A camera's URL that cannot be one."""

    code = "camera_source_invalid"
    default_hint = "docs/cameras.md shows the forms a camera's URL can have."


class AddressRefused(InvalidInput):
    """A place that no camera may be."""

    code = "camera_address_refused"
    default_hint = "An administrator sets the networks and folders of cameras in the settings."


class InvalidZone(InvalidInput):
    """A zone, line or rule that cannot be used."""

    code = "zone_invalid"
    default_hint = "Draw it again inside the picture, without edges that cross one another."


class IdempotencyMismatch(InvalidInput):
    """An Idempotency-Key that was used before, for another request."""

    code = "idempotency_mismatch"
    default_hint = "Use a new key for a new request; repeat a request byte for byte to get its answer again."


class NotFound(RegistryError):
    """Something that does not exist, or that the caller may not see."""

    code = "not_found"
    status = 404


class ModelNotFound(NotFound):
    """No registered model of that name is visible to the caller."""

    code = "model_not_found"
    default_hint = "`nexusai models list` or GET /api/v1/models shows the models you may use."


class VersionNotFound(NotFound):
    """The model exists, that version does not."""

    code = "version_not_found"
    default_hint = "The model's page or GET /api/v1/models/{id}/versions lists its versions."


class AliasNotFound(NotFound):
    """The model exists, no version carries that alias."""

    code = "alias_not_found"
    default_hint = "Set the alias on a version first, or name a version."


class UserNotFound(NotFound):
    """No such user."""

    code = "user_not_found"


class KeyNotFound(NotFound):
    """The caller has no API key of that id."""

    code = "key_not_found"
    default_hint = "GET /api/v1/auth/api-keys lists your keys."


class SessionNotFound(NotFound):
    """The caller has no sign-in of that id."""

    code = "session_not_found"
    default_hint = "GET /api/v1/auth/sessions lists your sign-ins."


class SettingNotFound(NotFound):
    """No setting of that key."""

    code = "setting_not_found"
    default_hint = "GET /api/v1/settings lists every setting."


class UploadNotFound(NotFound):
    """No upload of that id belongs to the caller."""

    code = "upload_not_found"


class JobNotFound(NotFound):
    """No job of that id belongs to the caller."""

    code = "job_not_found"
    default_hint = "GET /api/v1/inference/jobs or `nexusai jobs list` shows your jobs."


class ScheduleNotFound(NotFound):
    """No schedule of that id, or none of yours."""

    code = "schedule_not_found"
    default_hint = "GET /api/v1/schedules lists yours."


class DatasetNotFound(NotFound):
    """No dataset of that name, or no sample of that id in it, is visible to the caller."""

    code = "dataset_not_found"
    default_hint = "`nexusai datasets list` or GET /api/v1/datasets shows the datasets you may use."


class CameraNotFound(NotFound):
    """No camera of that id or name."""

    code = "camera_not_found"
    default_hint = "`nexusai cameras list` or GET /api/v1/cameras shows the cameras."


class CameraGroupNotFound(NotFound):
    """No group of cameras of that id or name."""

    code = "camera_group_not_found"
    default_hint = "GET /api/v1/camera-groups lists the groups."


class EventNotFound(NotFound):
    """No event of that id, or no picture or clip of it."""

    code = "event_not_found"
    default_hint = "GET /api/v1/camera-events lists the events; they are kept for as long as the settings say."


class RecordingNotFound(NotFound):
    """No recording of that id or time."""

    code = "recording_not_found"
    default_hint = (
        "GET /api/v1/recordings lists what was recorded; it is kept for as long as the camera's settings say."
    )


class NotificationNotFound(NotFound):
    """No receiver of notifications of that id."""

    code = "notification_not_found"
    default_hint = "GET /api/v1/notifications lists the receivers."


class ObjectNotFound(NotFound):
    """Nothing is stored under that key."""

    code = "object_not_found"


class Conflict(RegistryError):
    """The request contradicts what is already there."""

    code = "conflict"
    status = 409
    default_hint = "Look at what is there now, then try again."


class NameTaken(Conflict):
    """A name that somebody else already holds."""

    code = "name_taken"
    default_hint = "Choose another name."


class LastAdministrator(Conflict):
    """A change that would leave the platform without an active administrator."""

    code = "last_administrator"
    default_hint = "Make somebody else an administrator first."


class SettingChanged(Conflict):
    """Somebody else changed the setting since it was read; `details` has its value and revision now."""

    code = "setting_changed"
    default_hint = "Look at the value that is there now, then save again."


class RequestInProgress(Conflict):
    """The same request, by its Idempotency-Key, is still being answered."""

    code = "request_in_progress"
    default_hint = "Wait a moment, then repeat the request with the same key."


class JobEnded(Conflict):
    """A job that has ended cannot be cancelled any more."""

    code = "job_ended"
    default_hint = "Look at its results, or start a new one."


class JobNotRetried(Conflict):
    """A job that has not failed, or whose input is no longer kept, is not run again."""

    code = "job_not_retried"
    default_hint = "Start a new one."


class Cancelled(Conflict):
    """Work that was called off; nothing of it is kept."""

    code = "cancelled"
    default_hint = "Start it again."


class SecretsUnreadable(Conflict):
    """A camera's name and password that were encrypted for another address or with another key."""

    code = "secrets_unreadable"
    default_hint = "Enter the camera's name and password again."


class CameraNotRunning(Conflict):
    """A picture of a camera that shows nothing now: stopped, away, or about to start."""

    code = "camera_not_running"
    default_hint = "Start the camera, or look at its state: GET /api/v1/cameras/{id}/stream-info says what keeps it."


class SetupDone(Conflict):
    """The first administrator exists already."""

    code = "setup_done"
    default_hint = "Sign in, or ask an administrator for an account."


class NotSignedIn(RegistryError):
    """No valid proof of identity came with the request."""

    code = "not_signed_in"
    status = 401
    default_hint = "Sign in at /, or send a bearer token from POST /api/v1/auth/login."


class InvalidCredentials(NotSignedIn):
    """The name and password do not belong together."""

    code = "invalid_credentials"
    default_hint = "Check the name and the password."


class SessionExpired(NotSignedIn):
    """A session, code or token that was valid once."""

    code = "session_expired"
    default_hint = "Sign in again."


class TokenReused(NotSignedIn):
    """A refresh token that was used before: its whole family is revoked."""

    code = "token_reused"
    default_hint = "Sign in again; if this was not you, change your password."


class SingleSignOnFailed(NotSignedIn):
    """The identity provider's answer does not prove who somebody is, or nobody with a role here."""

    code = "single_sign_on_failed"
    default_hint = "Sign in again; if it happens again, ask an administrator to look into the log."


class Forbidden(RegistryError):
    """A known user who may not do this."""

    code = "forbidden"
    status = 403
    default_hint = "Ask an administrator for a role that may do this."


class RegistrationClosed(Forbidden):
    """Nobody can register by themselves here."""

    code = "registration_closed"
    default_hint = "Ask an administrator for an account."


class AccountPending(Forbidden):
    """An account that an administrator has not approved yet."""

    code = "account_pending"
    default_hint = "An administrator has to approve it; try again later."


class TooManyAttempts(RegistryError):
    """Too many failed sign-ins; `details["retry_after_s"]` says how long to wait."""

    code = "too_many_attempts"
    status = 429
    default_hint = "Wait, then try again."


class TooManyRequests(RegistryError):
    """A caller above a rate limit; `details["retry_after_s"]` says how long to wait."""

    code = "too_many_requests"
    status = 429
    default_hint = "Wait as long as Retry-After says; the RateLimit-* headers tell the limits."


class Unavailable(RegistryError):
    """Something we need does not answer at the moment."""

    code = "unavailable"
    status = 503


class DatabaseUnavailable(Unavailable):
    """The database does not answer."""

    code = "database_unavailable"
    default_hint = "Check NEXUSAI_DATABASE_URL and that the server runs."


class MlflowUnavailable(Unavailable):
    """The MLflow server does not answer."""

    code = "mlflow_unavailable"
    default_hint = "Try again in a moment; if nothing runs, start the platform with `nexusai up`."


class PrefectUnavailable(Unavailable):
    """The Prefect server does not answer."""

    code = "prefect_unavailable"
    default_hint = "Jobs wait until it is back; if nothing runs, start the platform with `nexusai up`."


class RayUnavailable(Unavailable):
    """The Ray cluster that work is to be spread over does not answer."""

    code = "ray_unavailable"
    default_hint = (
        "Start the cluster, or set NEXUSAI_TASK_RUNNER to where it is, or to threads. "
        "A cluster with a token wants the same one here, as RAY_AUTH_TOKEN or in ~/.ray/auth_token."
    )


class StorageUnavailable(Unavailable):
    """The object storage does not answer or refuses to write."""

    code = "storage_unavailable"
    default_hint = "Check NEXUSAI_STORAGE_URL, the free space and the permissions."


class MissingExtra(Unavailable):
    """A feature whose optional packages are not installed."""

    code = "missing_extra"


class BackendUnavailable(Unavailable):
    """What should run a model does not start on this machine; never answered by a slower one in silence."""

    code = "backend_unavailable"
    default_hint = "`nexusai doctor` shows what this machine can run and how to get what is missing."


class EngineBusy(Unavailable):
    """Every core is busy and the queue is full; `details["retry_after_s"]` says how long to wait."""

    code = "engine_busy"
    default_hint = "Try again in a moment."


class WorkerUnavailable(Unavailable):
    """No camera process was heard of lately, or the one that runs a camera does not answer."""

    code = "worker_unavailable"
    default_hint = "Start it with `nexusai up` or `nexusai worker`; its log file says what keeps it."


class DownloadFailed(Unavailable):
    """A file of the catalogue that could not be fetched."""

    code = "download_failed"
    default_hint = (
        "Pull it again: what has arrived is kept. Where this machine does not reach the address, download the file "
        "elsewhere and give it: `nexusai models pull NAME --file FILE`."
    )


class TrainingFailed(RegistryError):
    """A training that ended without a model; its process said why."""

    code = "training_failed"
    default_hint = "Most often there was not enough memory: try a smaller batch or image_size."


class IntegrityError(RegistryError):
    """Stored bytes that do not have the sha256 they were registered with."""

    code = "integrity_failed"
    default_hint = "The stored file was changed or damaged: register the model again, and look into the storage."


class StartError(RegistryError):
    """The platform cannot start here."""

    code = "start_failed"


class HomeNotWritable(StartError):
    """NEXUSAI_HOME cannot be created or written."""

    code = "home_not_writable"
    default_hint = "Choose another folder with NEXUSAI_HOME, or change its permissions."


class AlreadyRunning(StartError):
    """Another platform runs on the same home."""

    code = "already_running"
    default_hint = "Stop the other one first, or start this one with another NEXUSAI_HOME."


class PortTaken(StartError):
    """Something else listens on the port we need."""

    code = "port_taken"
    default_hint = "Stop it, or choose another port with --port or NEXUSAI_PORT."


class ProcessFailed(StartError):
    """A child process ended before it was ready."""

    code = "process_failed"
    default_hint = "The end of its log file says why."


class DatabaseTooNew(StartError):
    """The database was migrated by a newer release than this one."""

    code = "database_too_new"
    default_hint = "Start the newer release, or restore the backup made before the upgrade."
