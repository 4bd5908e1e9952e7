"""What pyoci costs beside runc and crun: ``make bench``. docs/performance.md explains the figures."""
