import Store
import Yams

let number = try Yams.compose(yaml: "a: 1")?["a"]?.int ?? 0
print(memory(), number)
