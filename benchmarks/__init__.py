"""How fast technic is, beside its peers, in the same run. One runnable file a question; see docs/benchmarks.md."""
