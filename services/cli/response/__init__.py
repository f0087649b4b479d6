"""The trial statistician's commands: responses from SDTM tables, the trial's report, tables to export. Decides nothing."""
