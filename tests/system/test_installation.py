import os
import subprocess

import pytest

from orbitscope.system import installation
from orbitscope.system.installation import find_commit


@pytest.mark.checkout
def test_the_commit_is_that_of_the_package_wherever_the_user_works(tmp_path, monkeypatch):
    head = ["git", "-C", os.path.dirname(installation.__file__), "rev-parse", "--short", "HEAD"]
    expected = find_commit()
    assert expected is not None
    assert expected.removesuffix("+") == subprocess.check_output(head, text=True).strip()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    (tmp_path / "installation.py").write_text("another one\n")
    for arguments in (["init", "-q"], ["add", "installation.py"], ["commit", "-q", "-m", "other"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    assert find_commit() == expected
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert find_commit() == expected
