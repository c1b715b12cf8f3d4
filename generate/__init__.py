"""What is made from the code: catalogs, dbt sources, answers, settings, tables of pages, and what views become."""
