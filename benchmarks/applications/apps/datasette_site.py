import os
import sqlite3
from pathlib import Path

from datasette.app import Datasette

folder = Path(os.environ["APPLICATION_DATA"], str(os.getpid()))
folder.mkdir(parents=True, exist_ok=True)
file = folder / "shop.db"
if not file.exists():
    with sqlite3.connect(file) as database:
        database.execute("create table goods (id integer primary key, name text, price real)")
        database.executemany("insert into goods (name, price) values (?, ?)", [("tea", 2.5), ("cup", 7), ("pot", 30)])
        database.execute("create view dear as select * from goods where price > 5")
application = Datasette([str(file)], settings={"num_sql_threads": 1}, secret="secret").app()
