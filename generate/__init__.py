"""What is made from the code and committed: ready-made catalogs, the settings of meltano.yml, tables of the README."""
