"""What was measured on: the machine without its name, and the versions that make the difference."""

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
    """How many processes wanted a core in the last minute: more than a tenth of one spoils what is measured."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as told:  # noqa: PTH123  a file of the kernel
            return next((line.partition(":")[2].strip() for line in told if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.machine()
