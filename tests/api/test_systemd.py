"""What the service manager hears, and what happens without one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from api.systemd import ServiceManager


def test_messages_arrive_as_one_datagram(tmp_path: Path) -> None:
    """Each message is one datagram, its lines joined."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "notify")}).say("READY=1", "MAINPID=1")
        assert manager.recv(100) == b"READY=1\nMAINPID=1"


def test_abstract_sockets_are_reached() -> None:
    """A name that starts with @ has no file."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")  # the system picks an abstract name
        name = manager.getsockname().decode()
        ServiceManager({"NOTIFY_SOCKET": name.replace("\0", "@", 1)}).say("STOPPING=1")
        assert manager.recv(100) == b"STOPPING=1"


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    """No variable, or a socket that is gone: nothing is said and nothing fails."""
    ServiceManager({}).say("READY=1")
    ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")}).say("READY=1")


def test_the_watchdog_is_ours_or_nobodys() -> None:
    """Half of its patience; none where it was not asked for, or of another process."""
    assert ServiceManager({"WATCHDOG_USEC": "30000000"}).watchdog_seconds == 15.0
    assert ServiceManager({}).watchdog_seconds is None
    others = {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid() + 1)}
    assert ServiceManager(others).watchdog_seconds is None
