"""Events as they arrive: CloudEvents and strict JSON."""
