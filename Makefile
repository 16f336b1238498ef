.PHONY: run test lint screenshots translations shell reset lock

run test lint screenshots translations shell reset:
	@./care $@

# After a change in requirements/*.in; needs uv
lock:
	@for name in odoo dev lint; do uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    -o requirements/$$name.txt requirements/$$name.in || exit 1; done
	@uv pip compile --quiet --no-deps --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" \
	    -o requirements/peer.txt requirements/peer.in
