"""The product: pages, API and work in the background, over one database."""
