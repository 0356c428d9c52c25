"""The flags' door: the routes that Flagship's SDKs and OpenFeature's clients call, and ours."""
