# What a user's own settings (of pip, Python, the home folder) must not change; part of the Makefile.

# Packages of other Pythons would be taken for installed ones.
unexport PYTHONPATH PYTHONHOME

# Snakemake and Numba keep things in the home folder; where none can be written to, the project has it.
ifeq ($(shell mkdir -p "$${HOME:?}/.cache" 2> /dev/null && test -w "$$HOME/.cache" && echo writable),)
export HOME := $(CURDIR)/.snakemake/home
endif
# Snakemake asks for the user's name, which a number in a container has not.
USERNAME ?= $(shell id -u)
export USERNAME
