"""Pure rules, one noun a domain: machines, folds and the helpers they need."""
