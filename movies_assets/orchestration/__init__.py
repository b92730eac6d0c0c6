"""Tables as Dagster assets: IO manager, checks, jobs, schedules and sensors."""
