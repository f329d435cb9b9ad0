"""When and where: the command line, and later schedules, automations and services."""
