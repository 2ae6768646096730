LOADED = True
print("lazy was executed")
