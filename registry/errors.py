"""The error tree: everything NexusAI refuses, with what, where and what to do.

::

    RegistryError                     500  unexpected_error
    ├── InvalidInput                  422  invalid_input
    │   ├── InvalidImage              422  image_unreadable
    │   ├── ImageTooLarge             413  image_too_large
    │   ├── UploadTooLarge            413  upload_too_large
    │   ├── InvalidModel              422  model_invalid
    │   │   └── UnsupportedOutputs    422  model_outputs_unsupported
    │   ├── InvalidCard               422  card_invalid
    │   └── InvalidSetting            422  setting_invalid
    ├── NotFound                      404  not_found
    │   ├── ModelNotFound             404  model_not_found
    │   ├── VersionNotFound           404  version_not_found
    │   ├── AliasNotFound             404  alias_not_found
    │   ├── UserNotFound              404  user_not_found
    │   ├── KeyNotFound               404  key_not_found
    │   ├── UploadNotFound            404  upload_not_found
    │   └── ObjectNotFound            404  object_not_found
    ├── Conflict                      409  conflict
    │   ├── NameTaken                 409  name_taken
    │   ├── LastAdministrator         409  last_administrator
    │   └── SetupDone                 409  setup_done
    ├── NotSignedIn                   401  not_signed_in
    │   ├── InvalidCredentials        401  invalid_credentials
    │   ├── SessionExpired            401  session_expired
    │   └── TokenReused               401  token_reused
    ├── Forbidden                     403  forbidden
    ├── TooManyAttempts               429  too_many_attempts
    ├── Unavailable                   503  unavailable
    │   ├── DatabaseUnavailable       503  database_unavailable
    │   ├── MlflowUnavailable         503  mlflow_unavailable
    │   ├── StorageUnavailable        503  storage_unavailable
    │   ├── MissingExtra              503  missing_extra
    │   └── EngineBusy                503  engine_busy
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
    default_hint = "Scale the image down, or raise NEXUSAI_IMAGE_MAX_PIXELS."


class UploadTooLarge(InvalidInput):
    """A request body above the cap of its route."""

    code = "upload_too_large"
    status = 413
    default_hint = "Send a smaller file, or raise the upload limit in the settings."


class InvalidModel(InvalidInput):
    """A file that is not a model we can serve."""

    code = "model_invalid"
    default_hint = "Export the model to ONNX as one file (weights inside, standard operators) and upload that."


class UnsupportedOutputs(InvalidModel):
    """An ONNX graph whose outputs no decoder understands."""

    code = "model_outputs_unsupported"
    default_hint = "docs/models.md lists the output layouts that are understood; the card's `decoder` can name one."


class InvalidCard(InvalidInput):
    """A model card that contradicts itself or its model."""

    code = "card_invalid"
    default_hint = "docs/models.md describes the fields of a card."


class InvalidSetting(InvalidInput):
    """A setting that is unknown, of the wrong type or out of bounds."""

    code = "setting_invalid"
    default_hint = "docs/settings.md lists every setting with its bounds; `nexusai settings` shows what is in force."


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


class UploadNotFound(NotFound):
    """No upload of that id belongs to the caller."""

    code = "upload_not_found"


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


class Forbidden(RegistryError):
    """A known user who may not do this."""

    code = "forbidden"
    status = 403
    default_hint = "Ask an administrator for a role that may do this."


class TooManyAttempts(RegistryError):
    """Too many failed sign-ins; `details["retry_after_s"]` says how long to wait."""

    code = "too_many_attempts"
    status = 429
    default_hint = "Wait, then try again."


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


class StorageUnavailable(Unavailable):
    """The object storage does not answer or refuses to write."""

    code = "storage_unavailable"
    default_hint = "Check NEXUSAI_STORAGE_URL, the free space and the permissions."


class MissingExtra(Unavailable):
    """A feature whose optional packages are not installed."""

    code = "missing_extra"


class EngineBusy(Unavailable):
    """The inference queue is full."""

    code = "engine_busy"
    default_hint = "Try again in a moment."


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
