"""What every request and message passes: settings, context, logs, metrics, limits, audit."""
