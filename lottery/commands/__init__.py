"""What each `lottery` command does: parse, call, write; a module a stage, as the rules have it.  The science is elsewhere.

Each command tells its `provenance` which files it reads and writes, for the record beside the result.  Imports are inside the
functions: a command pays only for what it uses, and its fingerprint covers only that.
"""
