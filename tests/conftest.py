"""Plugins that every test may use; a fixture lives in the module that starts its thing."""

pytest_plugins = ["broker_fixture", "workers_bench"]
