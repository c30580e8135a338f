from pathlib import Path

from dvc.config import Config

from pipeline.sweeping import clone, workspace
from tests.helpers import call, copy_repository


def test_a_clone_has_the_files_of_the_base_and_dvc_s_settings(tmp_path: Path) -> None:
    root = copy_repository(tmp_path / "root")
    with Config(str(root / ".dvc")).edit("local") as config:
        config["remote"] = {"store": {"url": "../store"}}
        config["core"] = {"remote": "store"}
    (root / "conf/gate/default.yaml").write_text("enabled: false\nstrict: false\n")
    (root / "params.yaml").write_text("of another run")
    base = workspace.base(root)
    folder = tmp_path / "clone"
    local = (root / ".dvc/config.local").read_text()
    clone.make(root, folder, base, cache=tmp_path / "cache", local=local, remotes={"store": str(root / "store")})
    assert (folder / "conf/gate/default.yaml").read_text() == "enabled: false\nstrict: false\n"
    assert (folder / "params.yaml").read_text() != "of another run"
    assert call("git", "rev-parse", "HEAD", cwd=folder).stdout.strip() == base.commit
    assert workspace.cache(folder) == tmp_path / "cache"
    settings = workspace.dvc_config(folder)
    assert settings["remote"]["store"]["url"] == str(root / "store")
    assert settings["core"]["remote"] == "store"
    assert Path(settings["core"]["site_cache_dir"]).is_relative_to(folder)  # nothing stays elsewhere when it is removed
    # A point has run: what it wrote of git's files is as before, what DVC keeps has stayed.
    (folder / "params.yaml").write_text("of a point")
    (folder / "dvc.lock").unlink()
    (folder / "models/float32.tflite").write_bytes(b"made")
    clone.reset(folder, base)
    assert (folder / "params.yaml").read_text() == call("git", "show", "HEAD:params.yaml", cwd=root).stdout
    assert (folder / "dvc.lock").exists()
    assert (folder / "models/float32.tflite").read_bytes() == b"made"
    (folder / "models/float32.tflite").chmod(0o444)
    clone.remove(folder)
    assert not folder.exists()
