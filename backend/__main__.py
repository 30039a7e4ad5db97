"""``python -m backend``: serve the API as the settings say."""

from __future__ import annotations

import gc
import logging


def main() -> None:
    """Run until SIGTERM or Ctrl-C; requests in progress are finished first."""
    # Imported here, since processes for exports load this module too.
    import uvicorn

    from backend.app import create_app
    from backend.protocol import protocol_of
    from backend.turns import TakeTurns
    from edgeseg import logs
    from edgeseg.platforms import raise_open_files
    from edgeseg.settings import get_settings

    settings = get_settings()
    logs.set_up(settings)
    raise_open_files(settings.max_connections)
    app = create_app(settings)
    warning = settings.open_warning(settings.api_host)
    if warning:
        logging.getLogger(__name__).warning(warning)
    # What is loaded by now stays: going through all of it would stop the API for half a second.
    gc.collect()
    gc.freeze()
    uvicorn.run(
        TakeTurns(app),
        host=settings.api_host,
        port=settings.api_port,
        http=protocol_of(settings),
        ws="none",
        log_config=None,
        timeout_graceful_shutdown=10,
        access_log=settings.log_level == "DEBUG",
    )


if __name__ == "__main__":
    main()
