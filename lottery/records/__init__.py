"""How results are written, known and checked: files, provenance, fingerprints, result cache, audit."""
