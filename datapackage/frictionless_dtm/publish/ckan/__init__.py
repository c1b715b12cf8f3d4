"""Publishing to a CKAN site such as HDX, through its action API."""
