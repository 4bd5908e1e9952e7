"""completion SHELL [WORD...]: print what makes SHELL complete this command line: bash, zsh or fish.

In bash and zsh, eval "$(pyoci completion bash)" turns it on; in fish, pyoci completion fish | source does. With WORDs,
print what the last of them could become: this is what the shell asks. For bash that is the whole line in one word.
"""

from __future__ import annotations

from pyoci.cli.output import say
from pyoci.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyoci.cli.arguments import Arguments, Option

OPERANDS = "SHELL [WORD...]"
OPTIONS: tuple[Option, ...] = ()

# What each shell has to know is only how to ask.
SCRIPTS = {
    "bash": """_pyoci() {
    mapfile -t COMPREPLY < <(pyoci completion bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
    case ${COMPREPLY[0]} in
        @files) COMPREPLY=() && compopt -o default ;;
        @directories) COMPREPLY=() && compopt -o dirnames ;;
    esac
}
complete -F _pyoci pyoci
""",
    "zsh": """#compdef pyoci
_pyoci() {
    local -a before found
    before=("${(@Q)words[2,CURRENT-1]}")
    found=("${(@f)$(pyoci completion zsh "${before[@]}" "$PREFIX" 2>/dev/null)}")
    [[ $PREFIX == -*=* ]] && compset -P '*='
    case $found[1] in
        '') return 1 ;;
        @files*) _files ;;
        @directories*) _files -/ ;;
        *) _describe -V pyoci found ;;
    esac
}
if [[ $funcstack[1] == _pyoci ]]; then _pyoci "$@"; else compdef _pyoci pyoci; fi
""",
    "fish": """function __pyoci
    set -l words (commandline -opc)
    set -l word (commandline -ct)
    set -l found (pyoci completion fish $words[2..] "$word" 2>/dev/null)
    switch "$found[1]"
        case '@files*'
            __fish_complete_path "$word"
        case '@directories*'
            __fish_complete_directories "$word"
        case '*'
            string join \\n -- $found
    end
end
complete -c pyoci -f -a '(__pyoci)'
""",
}


def run(arguments: Arguments) -> int:
    """Print the script, or the candidates."""
    shell, *words = arguments.operands
    if shell not in SCRIPTS:
        raise UsageError(f'no completion for "{shell}": it is one of {", ".join(SCRIPTS)}')
    say(_answer(shell, words) if words else SCRIPTS[shell].replace("pyoci", arguments.program))
    return 0


def _answer(shell: str, words: Sequence[str]) -> str:
    """The candidates for the last of *words*, a line each as *shell* wants it. Raises PyociError."""
    from pyoci.cli.candidates import candidates

    if shell == "bash":
        words = _split(words[0])
    found = candidates(words)
    if shell == "fish" and words[-1][:1] == "-" and "=" in words[-1]:  # it replaces the whole word
        name = words[-1].rpartition("=")[0]
        found = [(f"{name}={value}", what) for value, what in found]
    between = {"bash": "", "zsh": ":", "fish": "\t"}[shell]
    return "".join(f"{word}{between}{what if between else ''}\n" for word, what in found)


def _split(line: str) -> list[str]:
    """The words of *line* behind the program's name, as the shell would split them; the last may be empty."""
    import shlex

    try:
        words = shlex.split(line)
    except ValueError:  # an open quotation
        raise UsageError("the last word is quoted") from None
    return [*words[1:], *([""] if line[-1:].isspace() else [])]
