"""What the tests stand on: a root filesystem, bundles, the runtime under test, and looking for what was left."""
