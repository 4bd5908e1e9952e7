"""What setup.cfg cannot say: the command, its manual and the shells' completions are made when pyoci is built."""

import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel

_TOP = Path(__file__).resolve().parent
sys.path[:0] = [str(_TOP), str(_TOP / "tools")]

from distutils.command.build_scripts import build_scripts  # noqa: E402 (setuptools brings it)

import man_pages  # noqa: E402 (from tools/)

from launcher import link  # noqa: E402 (from this tree, as the next)
from pyoci.cli.completion import SCRIPTS  # noqa: E402

# Where each shell looks, below /usr, /usr/local or a directory of its own.
COMPLETIONS = {
    "bash": Path("share/bash-completion/completions/pyoci"),
    "zsh": Path("share/zsh/site-functions/_pyoci"),
    "fish": Path("share/fish/vendor_completions.d/pyoci.fish"),
}


class BuildScripts(build_scripts):
    """Puts the launcher in the place of the script."""

    def run(self) -> None:
        """Build what can be built here."""
        super().run()
        if reason := link.missing():
            print(f"No launcher, a script instead: {reason}")
            return
        launcher = Path(self.build_dir) / "pyoci"
        launcher.unlink()
        link.build(launcher, Path(self.get_finalized_command("build").build_temp))


class Wheel(bdist_wheel):
    """Says what the launcher needs: this Python and this kind of machine."""

    def get_tag(self) -> tuple[str, str, str]:
        """The tag of a wheel with a program in it."""
        if link.missing():
            return super().get_tag()
        python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
        return python, python, sysconfig.get_platform().replace("-", "_")


def written(path: Path, text: str) -> str:
    """Write *text* to *path*, which is returned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


setup(
    cmdclass={"build_scripts": BuildScripts, "bdist_wheel": Wheel},
    data_files=[
        ("share/man/man8", man_pages.write("build/man")),
        *[(str(place.parent), [written("build" / place, SCRIPTS[shell])]) for shell, place in COMPLETIONS.items()],
    ],
)
