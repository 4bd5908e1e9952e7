"""What setup.cfg cannot say: the command is a program that is built, where it can be."""

import sys
import sysconfig
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel

sys.path.insert(0, str(Path(__file__).resolve().parent))

from distutils.command.build_scripts import build_scripts

from launcher import link


class BuildScripts(build_scripts):
    """Puts the launcher in the place of the script, and the interpreter it starts into the package."""

    def run(self) -> None:
        """Build what can be built here."""
        super().run()
        if reason := link.missing():
            print(f"No launcher, a script instead: {reason}")
            return
        build = self.get_finalized_command("build")
        launcher = Path(self.build_dir) / "pyoci"
        launcher.unlink()
        link.build_launcher(launcher)
        link.build_interpreter(Path(build.build_lib) / "pyoci/python", Path(build.build_temp))


class Wheel(bdist_wheel):
    """Says what the launcher needs: this Python and this kind of machine."""

    def get_tag(self) -> tuple[str, str, str]:
        """The tag of a wheel with a program in it."""
        if link.missing():
            return super().get_tag()
        python = f"cp{sys.version_info[0]}{sys.version_info[1]}"
        return python, python, sysconfig.get_platform().replace("-", "_")


setup(cmdclass={"build_scripts": BuildScripts, "bdist_wheel": Wheel})
