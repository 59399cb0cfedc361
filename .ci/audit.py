"""Looks for known vulnerabilities in what is pinned: ``python .ci/audit.py [pip-audit]``.

Exit status 1 means that one was found. Where no vulnerability service answers nothing can be found, and the last line
says so: pip-audit itself either fails then, or succeeds without having looked.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FILES = tuple(f"requirements/{name}.txt" for name in ("base", "test", "light", "t4", "a100"))
PROBE = "celery"
"""Asked about first, alone: a service that does not know it knows nothing of ours."""
TIMEOUT_SECONDS = "10"


def main(pip_audit: str) -> int:
    """Audit every file and return the exit status."""
    if not audited(report(pip_audit, probe())):
        say("AUDIT SKIPPED: no vulnerability service is reachable. Nothing was checked.")
        return 0
    found = 0
    for file in FILES:
        packages = report(pip_audit, (ROOT / file).read_text())
        flawed = [package for package in packages if package.get("vulns")]
        unknown = [package["name"] for package in packages if "skip_reason" in package]
        say(f"{file}: {len(audited(packages))} packages looked up, {len(flawed)} with known vulnerabilities")
        if unknown or not packages:
            say(f"{file}: NOT LOOKED UP: {', '.join(unknown) or 'anything; the service stopped to answer'}")
        for package in flawed:
            for flaw in package["vulns"]:
                fixed = ", ".join(flaw.get("fix_versions", [])) or "no version yet"
                say(f"{package['name']} {package['version']}: {flaw['id']}, mended in {fixed}")
        found += len(flawed)
    return 1 if found else 0


def report(pip_audit: str, requirements: str) -> list[dict[str, Any]]:
    """Return what pip-audit says of each package; nothing if it could not ask."""
    done = subprocess.run(
        [pip_audit, "-r", "/dev/stdin", *OPTIONS], input=requirements, capture_output=True, text=True, check=False
    )
    try:
        packages: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except ValueError:
        say(done.stderr.strip()[-500:])
        return []
    return packages


OPTIONS = ("--disable-pip", "--no-deps", "-f", "json", "--progress-spinner", "off", "--timeout", TIMEOUT_SECONDS)


def audited(packages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the packages that were looked up."""
    return [package for package in packages if "skip_reason" not in package]


def probe() -> str:
    """Return the pinned line of one package."""
    lines = (ROOT / FILES[0]).read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{PROBE}==")).partition(" ")[0]


def say(text: str) -> None:
    """Write a line for whoever reads the log of the gate."""
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else str(Path(sys.executable).with_name("pip-audit"))))
