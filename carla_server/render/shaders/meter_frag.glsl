// Exposure of one picture, from its own mean: a single pixel with the gain of the last pass.
uniform sampler2D picture;
uniform float key;  // mean of an ordinary picture under this weather
layout(location = 0) out float out_gain;

void main() {
    float sum = 0.0;
    for (int y = 0; y < 9; y++)
        for (int x = 0; x < 16; x++) sum += textureLod(picture, (vec2(x, y) + 0.5) / vec2(16.0, 9.0), 0.0).a;
    out_gain = clamp(pow(key / max(sum / 144.0, 0.01), 0.5), 0.75, 1.4);
}
