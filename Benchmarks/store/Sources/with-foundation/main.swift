import Foundation
import Store

print(memory(), String(format: "%d", 3))
