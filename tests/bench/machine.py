"""The machine and the versions of a measurement."""

import os
import platform
from importlib.metadata import version

import psutil

_PACKAGES = ("fastapi", "uvicorn", "uvloop", "pydantic", "asyncpg", "aiokafka", "faust-streaming")


def machine() -> dict[str, str]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cores": str(cores),
        "processor": _processor(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
    }


def versions() -> dict[str, str]:
    return {"Python": platform.python_version(), **{package: version(package) for package in _PACKAGES}}


def load_before() -> float:
    """The load average of the last minute; more than 0.1 distorts the figures."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123
            return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.machine()
