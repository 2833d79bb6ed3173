import FoundationEssentials
import Store

print(memory(), Data([1, 2, 3]).count)
