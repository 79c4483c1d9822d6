"""What Forgebus costs, beside what the same job costs without it, in one run on one machine."""
