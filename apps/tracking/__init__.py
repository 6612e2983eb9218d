"""An MLflow within the walls that is told of trainings and live models, where there is one."""
