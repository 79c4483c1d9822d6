"""Doors: HTTP and Wyoming servers through which programs that speak no MQTT use the whole bus."""
