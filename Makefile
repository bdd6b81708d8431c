# The two commands of a newcomer: make demo, make test.
.DEFAULT_GOAL := help
.PHONY: help demo test test-full test-clients test-guard test-cluster test-rpc test-languages test-asan test-tsan fuzz bench serve build install deb bundle test-deb test-bundle test-engine lint format demo-models clean clean-root
export PLIMSOLL_WITH_TESTS

help:
	@echo "make demo         set up, build, and show the main job on the built-in models"
	@echo "make test         set up, build, and run the tests"
	@echo "make build        build ./plimsoll"
	@echo "make test-full    every test, the whole plan = ledger matrix included"
	@echo "make test-clients clients from npm, and a browser, against the server"
	@echo "make test-guard   the guard before llama.cpp's programs, C#, Python and node-llama-cpp"
	@echo "make test-cluster Slurm and HAProxy with three machines that are this one; as root"
	@echo "make test-rpc     one model over four machines that are this one; as root"
	@echo "make test-languages  the C interface from C# and JavaScript"
	@echo "make test-asan    the tests under the address and undefined-behaviour sanitizers"
	@echo "make test-tsan    the tests under the thread sanitizer"
	@echo "make fuzz         damaged files and requests for what reads them"
	@echo "make bench        the benchmarks; results in build/bench/*.json"
	@echo "make serve        serve the built-in models at http://127.0.0.1:8080"
	@echo "make install      DESTDIR and PREFIX as usual"
	@echo "make deb          Debian packages, in build/deb"
	@echo "make bundle       one archive that runs on other machines, in build/bundle"
	@echo "make test-deb     the packages, installed and purged in a root of their own"
	@echo "make test-bundle  the archive, outside the private root and where nothing is installed"
	@echo "make test-engine  the build against a llama.cpp of one's own (PLIMSOLL_ENGINE=/prefix make build)"
	@echo "make lint         formatting and clang-tidy"
	@echo "make clean-root   delete the private root"

demo:
	@scripts/build.sh release plimsoll
	@./plimsoll demo

build:
	@scripts/build.sh release

test:
	@scripts/test.sh release fast
test-full:
	@scripts/test.sh release full
test-clients:
	@scripts/test-clients.sh
test-guard:
	@scripts/test-guard.sh
test-cluster:
	@scripts/test-cluster.sh
test-rpc:
	@scripts/test-rpc.sh
test-languages:
	@scripts/test-languages.sh
test-asan:
	@scripts/test.sh asan fast
test-tsan:
	@scripts/test.sh tsan fast

fuzz:
	@scripts/fuzz.sh

bench:
	@PLIMSOLL_WITH_TESTS=1 scripts/build.sh release
	@scripts/in-root --set test -- bench/run

serve:
	@scripts/build.sh release plimsoll
	@./plimsoll serve

# Where it goes is made visible inside the private root; else it would land in the root's own folder of that name.
install_to = $(abspath $(or $(DESTDIR),$(PREFIX),/usr/local))
install: build
	@mkdir -p "$(install_to)"
	@scripts/in-root --bind "$(install_to)" -- cmake --install build/release $(if $(PREFIX),--prefix "$(PREFIX)")

deb:
	@scripts/deb.sh
bundle:
	@scripts/bundle.sh
test-deb: deb
	@tests/install/deb_test.sh
test-bundle: bundle
	@tests/install/bundle_test.sh
test-engine:
	@tests/install/engine_test.sh

lint:
	@scripts/lint.sh

format:
	@scripts/lint.sh --fix

demo-models:
	@scripts/in-root --set torch -- tools/demo_models/make_models.sh

clean:
	rm -rf build
clean-root:
	@scripts/root.sh remove
