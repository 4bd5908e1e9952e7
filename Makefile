# Two commands do everything on a fresh Debian or Ubuntu: `make run` and `make test`. Both can be repeated.

PYTHON := $(shell tools/python)
VENV := .venv
IN_VENV := $(VENV)/bin/python -m
PIP := $(IN_VENV) pip --quiet --disable-pip-version-check
RUNTIME ?=
PREFIX ?= /opt/pyoci
RUNTIME_TOOLS ?= .runtime-tools

# busybox-static is the container's whole system; the compiler and the headers are for the launcher and python-prctl.
PACKAGES := busybox-static gcc libc6-dev libcap-dev libseccomp-dev procps python3-dev python3-venv strace
# What tests/engines drives.
ENGINES := aardvark-dns buildah catatonit containerd containernetworking-plugins curl docker-registry docker.io \
	iproute2 iptables netavark podman uidmap
# What the commands are completed in, and their manual read with.
SHELLS := fish groff-base man-db zsh
SOURCES := setup.cfg setup.py pyproject.toml tools/man_pages.py \
	$(shell find pyoci spec bin launcher -type f ! -name '*.pyc' 2>/dev/null)
SUITES := $(wildcard tests/unit tests/commands tests/sections tests/property tests/security tests/faults)

# The installed runtime has compiled bytecode, whatever the environment says; tests run that one.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(if $(RUNTIME),RUNTIME=$(RUNTIME),PYOCI=$(CURDIR)/$(VENV)/bin/pyoci) $(IN_VENV) pytest -n auto
# Tests that fork without exec need a process without threads, which a worker of xdist is not.
FORKING := $(subst -n auto,-n 0,$(PYTEST))
ARGS ?=

# How much of tests/faults: one system call in EVERY, how many commands at once, and so on.
EVERY ?= 1
OPERATIONS ?= 2000
CONFIGS ?= 100000
CREATES ?= 2000
SEED ?= 1
LIVES ?= 10000

.PHONY: help run test check lint types layers conformance unit kernel commands sections property integration engines \
	faults fuzz soak validate validate-vm test-vm security lock locked bench man dist frozen install clean
.DEFAULT_GOAL := help

help: ## this text
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  ARGS=…      goes to pytest:  make unit ARGS='-k sysctl'"
	@echo "  RUNTIME=…   tests another runtime:  make integration RUNTIME=/usr/sbin/runc"
	@echo "  RUNTIME_TOOLS=…  validates with programs that are built already"

run: $(VENV)/.installed ## run a container: a shell in it, or a look around if this is no terminal
	@$(VENV)/bin/python tools/demo.py $(VENV)/bin/pyoci

test: lint types layers conformance $(VENV)/.installed ## everything: style, types, layers, and every suite of tests
	@tools/packages $(SHELLS)
	$(FORKING) tests/kernel $(ARGS)
	$(PYTEST) $(SUITES) $(ARGS)
	@$(MAKE) --no-print-directory engines
	@$(VENV)/bin/python tests/vm/run --beyond-host

check: lint types layers unit ## what takes seconds and no root

lint: $(VENV)/.tested ## style, banned calls, spelling
	$(VENV)/bin/ruff check .
	$(VENV)/bin/codespell

types: $(VENV)/.tested ## mypy, strict
	$(VENV)/bin/mypy

layers: $(VENV)/.tested ## which package may import which
	$(VENV)/bin/lint-imports

conformance: $(VENV)/.tested ## is spec/conformance.md up to date? (tools/conformance.py writes it)
	$(VENV)/bin/python tools/conformance.py --check

unit: $(VENV)/.tested ## pure functions, without root, in seconds
	$(PYTEST) tests/unit $(ARGS)

kernel: $(VENV)/.tested ## system calls and steps in namespaces of their own
	$(FORKING) tests/kernel $(ARGS)

commands: $(VENV)/.installed ## one file per command, against the installed runtime
	$(PYTEST) tests/commands $(ARGS)

sections: $(VENV)/.installed ## one file per path of config.json, against the installed runtime
	$(PYTEST) tests/sections $(ARGS)

property: $(VENV)/.tested ## what holds for any input
	$(PYTEST) tests/property $(ARGS)

integration: $(VENV)/.installed ## commands and sections, also with RUNTIME=
	$(PYTEST) $(wildcard tests/commands tests/sections) $(ARGS)

engines: $(VENV)/.installed ## podman, buildah, containerd and docker with it, installed by apt; also with RUNTIME=
	@tools/packages --idle $(ENGINES)
	$(PYTEST) --dist loadfile tests/engines $(ARGS)

faults: $(VENV)/.installed $(VENV)/.tested ## death and refusal at every system call, and much at once (EVERY=, OPERATIONS=, SEED=)
	EVERY=$(EVERY) SEED=$(SEED) OPERATIONS=$(OPERATIONS) $(PYTEST) tests/faults/test_killed.py tests/faults/test_refused.py \
		tests/faults/test_exhausted.py tests/faults/test_at_once.py $(ARGS)

fuzz: $(VENV)/.installed $(VENV)/.tested ## what nobody writes: configurations, processes, hooks, cgroups, ids, state files (CONFIGS=, CREATES=, SEED=)
	CONFIGS=$(CONFIGS) CREATES=$(CREATES) SEED=$(SEED) $(PYTEST) tests/faults/test_fuzz.py \
		tests/faults/test_fuzz_made.py $(ARGS)

soak: $(VENV)/.installed $(VENV)/.tested ## many lives of containers, and nothing grows (LIVES=)
	LIVES=$(LIVES) $(PYTEST) -s -n 0 tests/faults/test_soak.py $(ARGS)

test-vm: $(VENV)/.tested ## tests in a virtual machine with systemd and cgroup v2 (ARGS='--cgroup v1'; --shell)
	tests/vm/run $(ARGS)

validate: $(VENV)/.installed $(VENV)/.tested $(RUNTIME_TOOLS)/runtimetest ## the validation programs of runtime-tools
	@$(IN_VENV) tests.validation.run $(RUNTIME_TOOLS) $(CURDIR)/$(VENV)/bin/pyoci $(RUNTIME) $(ARGS)

security: $(VENV)/.installed $(VENV)/.tested ## what hostile images try, at length; ARGS=--mutations: without each guard
	$(if $(findstring --mutations,$(ARGS)),$(VENV)/bin/python tools/mutations.py $(filter-out --mutations,$(ARGS)),\
	    PYOCI_STARTS=$${PYOCI_STARTS:-500} $(PYTEST) tests/security $(ARGS))

validate-vm: $(VENV)/.tested $(RUNTIME_TOOLS)/runtimetest ## the same in a virtual machine with systemd (ARGS='--cgroup v1')
	tests/vm/run --validate $(RUNTIME_TOOLS) $(ARGS)

lock: $(VENV)/.built ## write requirements.lock: the libraries of a release, with the hashes of their files
	$(PIP) install pip-tools
	$(VENV)/bin/python tools/requirements.py install_requires | $(VENV)/bin/pip-compile --quiet --generate-hashes \
	    --strip-extras --no-header --no-annotate --no-emit-options --upgrade --output-file requirements.lock -

locked: $(VENV)/.built ## are the files of requirements.lock what the index serves?
	$(PIP) download --no-deps --no-binary python-prctl --require-hashes --dest $(VENV)/locked -r requirements.lock

bench: $(VENV)/.installed ## time and memory beside runc and crun, where they are installed: ARGS="--only lives --rounds 40"
	@$(IN_VENV) benchmarks $(CURDIR)/$(VENV)/bin/pyoci $(ARGS)

man: ## the manual in build/man, from the tables of options
	$(PYTHON) -B tools/man_pages.py build/man
	@echo "man -l build/man/pyoci.8"

dist: $(VENV)/.built ## a wheel and a source archive in dist/
	$(PIP) install build
	rm -rf dist
	$(IN_VENV) build --no-isolation
	rm -rf build *.egg-info

frozen: $(VENV)/.built ## one file, dist/pyoci, to copy to a host: it needs nothing else there, not even Python
	mkdir -p dist
	$(IN_VENV) launcher.link dist/pyoci

install: dist ## install into PREFIX (/opt/pyoci), with links in /usr/local/bin and /usr/local/share
	$(PYTHON) -m venv $(PREFIX)
	$(PREFIX)/bin/python -m pip --quiet install --force-reinstall dist/*.whl
	ln -sf $(PREFIX)/bin/pyoci /usr/local/bin/pyoci
	cp --recursive --symbolic-link --force $(PREFIX)/share/. /usr/local/share

clean: ## remove what make made
	rm -rf $(VENV) .runtime-tools build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find pyoci tests tools -name __pycache__ -prune -exec rm -rf {} +

# An environment with what the runtime needs,
$(VENV)/.built: setup.cfg
	@tools/packages $(PACKAGES)
	@test -x $(VENV)/bin/python || echo "Making a virtual environment in $(VENV) with $(PYTHON)"
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the libraries pyoci stands on"
	@$(PIP) install 'setuptools>=70.1' wheel
	@$(PIP) install $$($(VENV)/bin/python tools/requirements.py install_requires)
	@touch $@

# the tools of the developers,
$(VENV)/.tested: $(VENV)/.built
	@echo "Installing the tools that test it"
	@$(PIP) install $$($(VENV)/bin/python tools/requirements.py test dev)
	@touch $@

# and this tree as a wheel, for nobody runs it from a checkout. A build/ left behind would put deleted modules in it.
$(VENV)/.installed: $(SOURCES) $(VENV)/.built
	@echo "Building and installing pyoci"
	@rm -rf build *.egg-info $(VENV)/wheel
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir $(VENV)/wheel .
	@$(PIP) install --no-deps --force-reinstall $(VENV)/wheel/*.whl
	@rm -rf build *.egg-info
	@touch $@

test commands sections integration security engines: $(VENV)/.tested

# The programs of `make validate`.
.runtime-tools/runtimetest: tests/validation/build tests/validation/tap.go
	@tests/validation/build $(@D)
	@touch $@
