"""The tests: pure modules, the plugin against scripted servers, the plugin against real ones."""
