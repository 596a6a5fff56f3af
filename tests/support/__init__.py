"""What the tests stand on: scripted servers on loopback, and the plugin as a subprocess."""
