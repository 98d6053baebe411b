# What a user's own settings (of pip, Python, the home folder) must not change; part of the Makefile.

# Packages of other Pythons would be taken for installed ones.
unexport PYTHONPATH PYTHONHOME
# Of pip's configuration only where packages come from, as options: `user = true` or a `target` would install elsewhere.
# (`user` would also have the user's own file listed alone.)
PACKAGES_FROM := PIP_USER=0 $(BIN)/python -m pip config list | sort -r | sed -nE "s/\\\\n/ /g; \
  s/^[^.]+\.(default-)?([a-z-]*index[a-z-]*|find-links|trusted-host|proxy|cert|client-cert|timeout|retries)='(.*)'/\2 \3/p" | \
  awk '$$1 == "no-index" {if ($$2 ~ /^(1|true|yes|on)$$/) print "--no-index"; next} {for (i = 2; i <= NF; i++) print "--" $$1 "=" $$i}'

# Snakemake and Numba keep things in the home folder; where none can be written to, the project has it.
ifeq ($(shell mkdir -p "$${HOME:?}/.cache" 2> /dev/null && test -w "$$HOME/.cache" && echo writable),)
export HOME := $(CURDIR)/.snakemake/home
endif
# Snakemake asks for the user's name, which a number in a container has not.
USERNAME ?= $(shell id -u)
export USERNAME
