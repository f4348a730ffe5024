"""The camera worker's process: logs, settings, then work. `python -m app.worker`"""

from flows.logs import configure_logs
from registry.libraries import prepare_libraries
from registry.settings import load_settings
from registry.worker.worker import work


def main() -> None:
    """Run cameras until told to stop. Raises StartError, InvalidSetting."""
    prepare_libraries()
    settings = load_settings()
    settings.prepare_home()
    configure_logs(settings.log_level)
    work(settings)


if __name__ == "__main__":
    main()
