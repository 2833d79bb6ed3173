import Store

print(memory())
