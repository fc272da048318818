"""A certificate that nobody but its own holder vouches for."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class Certificate(NamedTuple):
    """Two PEM files; the certificate is its own CA."""

    certificate: Path
    key: Path


def self_signed(folder: Path, name: str) -> Certificate:
    """For the subject alternative `name`, such as ``IP:127.0.0.1``; skips the test without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=test"]
    files = ["-keyout", made.key, "-out", made.certificate]
    command = [openssl, *request, "-addext", f"subjectAltName={name}", *files]
    subprocess.run(command, check=True, capture_output=True)
    return made
