"""How results are written, known and checked: files, provenance, fingerprints, kept results, audit."""
