"""Home folder, leader and workers on a simulated machine, through as many schedules as one likes."""
