"""What is made from the code and committed: catalogs, dbt sources, answers to questions, settings and tables of pages."""
