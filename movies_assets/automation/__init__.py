"""When and how assets run: jobs and schedules."""
