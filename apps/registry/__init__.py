"""Models by stage: bundles kept encrypted and signed, promoted by people."""
