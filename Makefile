# make demo       build, and show a diagnosis from recorded snapshots
# make test       everything that has to pass
# make lab-story  a broken cluster on this machine, and a shell in it (root)
# make bench      how fast captures and nodes are read and packets walked, beside other tools (root); see scripts/bench
# make generate   completions/, man/ and the README's blocks anew
# make clean      remove what was built

.PHONY: demo test bench lab-story generate clean

demo:
	@scripts/demo

test:
	@scripts/test

lab-story:
	@scripts/lab-story

bench:
	@scripts/bench

generate:
	@scripts/build-deps
	UPDATE=1 cargo test --locked --test house

clean:
	cargo clean
