from .prices import price, state
