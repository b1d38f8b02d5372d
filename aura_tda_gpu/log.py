"""The package's log: structured, and silent until an application listens."""

from __future__ import annotations

import logging
from typing import Any

__all__ = ["get_logger"]

_ROOT = "aura_tda_gpu"

# without a handler of its own, Python would print warnings of a silent library
logging.getLogger(_ROOT).addHandler(logging.NullHandler())


def get_logger(name: str) -> Any:
    """Return the logger of a module.

    Parameters
    ----------
    name : str
        Name of the module, inside the package.

    Returns
    -------
    structlog.stdlib.BoundLogger
        ``log.info("what_happened", key=value)``. Records reach `logging`, with a mapping as
        message: `structlog.stdlib.ProcessorFormatter` renders them.
    """
    import structlog  # a tenth of a second that a plain import should not cost

    return structlog.wrap_logger(
        logging.getLogger(name),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
